import { spawnSync } from 'node:child_process'
import { findNewerNode, nodeMajorMin } from '../newer-node.js'

let found: string | undefined

/** The Node that runs servers: the running one, that of PATH, or the one of `outlast serve`. */
export function nodeProgram(): string {
  found ??= running() ?? onPath() ?? findNewerNode({ mayInstall: true })
  if (found !== undefined) return found
  throw new Error(
    `A test server needs Node ${nodeMajorMin} or newer. Install it from https://nodejs.org.`,
  )
}

const isNewEnough = (version: string) => Number(version.split('.')[0]) >= nodeMajorMin

/** Bun reports a version of Node too. */
function running() {
  const isNode = process.versions.bun === undefined && isNewEnough(process.versions.node)
  return isNode ? process.execPath : undefined
}

function onPath() {
  const asked = ['-p', 'JSON.stringify([process.versions.node, process.execPath])']
  const { status, stdout } = spawnSync('node', asked, { encoding: 'utf8' })
  if (status !== 0) return undefined
  const [version, program] = JSON.parse(stdout) as [string, string]
  return isNewEnough(version) ? program : undefined
}
