/** Lints the OpenAPI document with the recommended rules of Redocly. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readDocument } from '../../apps/server/test/document.ts'

type Problem = { ruleId: string; message: string; location: { pointer: string }[] }

/** Places where a rule does not apply: the two operations that only redirect a browser. */
const accepted = [
  'operation-2xx-response #/paths/~1v1~1auth~1oauth~1{provider}/get/responses',
  'operation-2xx-response #/paths/~1v1~1auth~1callback~1{provider}/get/responses',
]

function lint(t: TestContext, document: string): Problem[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast-lint-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(path.join(folder, 'openapi.json'), document)
  const program = fileURLToPath(import.meta.resolve('@redocly/cli/bin/cli.js'))
  const args = [program, 'lint', 'openapi.json', '--extends', 'recommended', '--format', 'json']
  // The linter otherwise sends statistics and asks the registry for a newer version.
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  assert.ok(stdout.trim().startsWith('{'), stderr)
  return (JSON.parse(stdout) as { problems: Problem[] }).problems
}

test('the OpenAPI document passes the recommended rules of a linter', async (t) => {
  const problems = lint(t, await readDocument())
  assert.deepEqual(
    problems
      .map(({ ruleId, message, location }) => ({
        place: `${ruleId} ${location[0]?.pointer}`,
        message,
      }))
      .filter(({ place }) => !accepted.includes(place)),
    [],
  )
})
