/**
 * Asks the registry whether a shipped dependency has a known vulnerability. Exits with 1 for
 * severity high and above.
 * Contract: a registry without an audit endpoint, such as some mirrors, gives the outcome NOT
 * AUDITED. This fails with `--required` only, which a release uses: pull requests must not depend
 * on the features of a mirror.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

type Finding = { name: string; severity: string; range: string }
type Report = { error?: unknown; message?: string; vulnerabilities?: Record<string, Finding> }

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const args = ['audit', '--json', '--omit=dev', '--audit-level=high']
const say = (line: string) => process.stdout.write(`${line}\n`)

const { stdout } = spawnSync('npm', args, {
  cwd: root,
  encoding: 'utf8',
  shell: process.platform === 'win32',
})
const report = readReport(stdout)
const grave = Object.values(report.vulnerabilities ?? {}).filter(({ severity }) =>
  ['high', 'critical'].includes(severity),
)
if (report.vulnerabilities === undefined) {
  say(`NOT AUDITED: the registry returned no advisories (${report.message ?? 'no response'}).`)
  say(
    'Set npm_config_registry to a registry with an audit endpoint, such as https://registry.npmjs.org.',
  )
  if (process.argv.includes('--required')) process.exitCode = 1
} else if (grave.length === 0) {
  say('No dependency has a known vulnerability of high severity.')
} else {
  for (const { name, severity, range } of grave) say(`${severity}: ${name} ${range}`)
  process.exitCode = 1
}

function readReport(text: string): Report {
  try {
    return JSON.parse(text) as Report
  } catch {
    return {}
  }
}
