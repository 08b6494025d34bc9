/**
 * Runs a node of a chaos run: the product as `npm start` starts it, with one additional capability.
 *
 *     node chaos/cluster/node.ts <file of the ledger>
 */
import { startApp } from '../../apps/server/src/app.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { readConfig } from '../../apps/server/src/config.ts'
import { ledgerCapability } from '../ledger.ts'

const parentMs = 500

function fail(error: unknown): never {
  process.stderr.write(`${(error as Error).stack}\n`)
  process.exit(1)
}

try {
  const capabilities = [...builtins, ledgerCapability(process.argv[2]!)]
  const app = await startApp(readConfig(process.env), { capabilities, onFatal: fail })
  const stop = async () => {
    await app.stop()
    process.exit(0)
  }
  process.once('SIGTERM', () => stop().catch(fail))
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1)
  }, parentMs).unref()
  process.stdout.write(`ready ${app.url}\n`)
} catch (error) {
  fail(error)
}
