/**
 * Runs the vendors' suite against the vendors themselves: those whose keys are in the environment.
 * It costs a few cents.
 * Contract: exit code 1 when there is no key; keys are told to the tests and to nobody else.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { liveVendors, variable, whatVendorsNeed } from '../test/live/vendors.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const vendors = liveVendors(process.env)

if (vendors.length === 0) {
  console.error(`There is no vendor to test. Set what one of them needs:\n${whatVendorsNeed()}`)
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
