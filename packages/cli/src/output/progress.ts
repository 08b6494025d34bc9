import type { Io } from '../core/io.ts'

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

/** Formats a size: `512 bytes`, `1.5 MiB`. */
export function sizeText(bytes: number): string {
  let at = 0
  let size = bytes
  for (; size >= 1024 && at < units.length - 1; at += 1) size /= 1024
  return `${at === 0 ? size : size.toFixed(1)} ${units[at]}`
}

const everyMs = 100

/** Shows progress on one rewritten line of a terminal. Without a terminal it prints nothing. */
export function progressOf({ stderr }: Io, what: string) {
  let shownAt = -Infinity
  return {
    show(bytes: number) {
      const now = performance.now()
      if (!stderr.isTTY || now - shownAt < everyMs) return
      shownAt = now
      stderr.write(`\r\x1b[K${what}: ${sizeText(bytes)}`)
    },
    end() {
      if (shownAt > 0) stderr.write('\r\x1b[K')
    },
  }
}
