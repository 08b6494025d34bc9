/**
 * Runs the providers' suite against the real providers whose keys are in the environment. Costs a
 * few cents.
 * Contract: exits with 1 without a key; passes the keys to the tests only.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { liveVendors, variable, whatVendorsNeed } from '../test/live/vendors.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const vendors = liveVendors(process.env)

if (vendors.length === 0) {
  console.error(
    `No provider is configured. Set the variables of at least one:\n${whatVendorsNeed()}`,
  )
  process.exitCode = 1
} else {
  for (const { type, model_id } of vendors) console.log(`${type}: ${model_id}`)
  const files = [path.join(root, 'test/live/live.test.ts')]
  const { status } = spawnSync(
    process.execPath,
    [path.join(root, 'scripts/test.ts'), ...process.argv.slice(2), ...files],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, [variable]: JSON.stringify(vendors) },
    },
  )
  process.exitCode = status ?? 1
}
