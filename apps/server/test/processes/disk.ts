import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { open } from 'node:fs/promises'

/** Mounts a disk of `sizeMb`; returns its removal, or undefined if this process may not mount. */
export function mountDisk(folder: string, sizeMb: number): (() => void) | undefined {
  const options = ['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'tmpfs', folder]
  if (spawnSync('mount', options).status !== 0) return undefined
  return () => void spawnSync('umount', ['--lazy', folder])
}

/** Fills the disk of a file to its last byte. */
export async function fill(file: string): Promise<void> {
  const chunk = Buffer.alloc(4096)
  const handle = await open(file, 'w')
  try {
    for (;;) await handle.writeFile(chunk)
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    await handle.close()
  }
}
