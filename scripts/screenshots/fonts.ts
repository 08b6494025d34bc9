/** Fonts for screenshots: Inter and JetBrains Mono from Debian, unpacked below node_modules. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const kept = fileURLToPath(new URL('../../node_modules/.cache/outlast-fonts', import.meta.url))
const settings = path.join(kept, 'fonts.conf')

const prefer = (family: string, font: string) =>
  `<alias binding="same"><family>${family}</family><prefer><family>${font}</family></prefer></alias>`

/** Returns font settings for Chromium. Contract: falls back to the fonts of this machine. */
export function fontSettings(): Record<string, string> {
  if (!existsSync(settings) && !fetchFonts()) return {}
  return { FONTCONFIG_FILE: settings }
}

function fetchFonts(): boolean {
  mkdirSync(kept, { recursive: true })
  const names = ['fonts-inter', 'fonts-jetbrains-mono']
  const { status } = spawnSync('apt-get', ['download', ...names], { cwd: kept, stdio: 'ignore' })
  if (status !== 0) {
    console.error('Could not download Inter and JetBrains Mono. Using the fonts of this machine.')
    return false
  }
  const packages = readdirSync(kept).filter((name) => name.endsWith('.deb'))
  for (const file of packages) spawnSync('dpkg-deb', ['-x', file, '.'], { cwd: kept })
  writeFileSync(
    settings,
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>${kept}</dir><dir>/usr/share/fonts</dir><cachedir>${kept}/cache</cachedir>
${prefer('sans-serif', 'Inter')}${prefer('system-ui', 'Inter')}${prefer('monospace', 'JetBrains Mono')}
</fontconfig>
`,
  )
  return true
}
