/**
 * Asks the registry whether a dependency that we ship has a known vulnerability: high and above fail.
 * Contract: a registry that has no advisories to ask for is said, and fails nothing: what cannot be known is no finding.
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
  say(
    `Dependencies were not audited: the registry gave no advisories (${report.message ?? 'no answer'}).`,
  )
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
