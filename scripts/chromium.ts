/** Finds a Chromium for tests. */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'

const programs = ['chromium', 'chromium-browser', 'google-chrome']

/** The path of the Chromium on PATH, else of Debian's, which it installs. */
export const findChromium = (): string => found() ?? installed()

function found(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const places = programs.flatMap((program) => folders.map((one) => path.join(one, program)))
  return places.flatMap((place) => globSync(place))[0]
}

function installed(): string {
  const args = ['install', '-y', '--no-install-recommends', 'chromium']
  const { status, error, stderr } = spawnSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  const program = status === 0 ? found() : undefined
  if (program) return program
  throw new Error(
    `No Chromium on PATH, and Debian's could not be installed: ${error?.message ?? stderr}`,
  )
}
