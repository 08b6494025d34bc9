import type { FileInfo } from '@outlast/sdk'
import { parentOf } from './content.ts'

/** Returns the visible rows: folders first, each before its content, without closed content. */
export function rowsOf(files: readonly FileInfo[], closed: ReadonlySet<string>): FileInfo[] {
  const inside = new Map<string, FileInfo[]>()
  for (const file of files) {
    if (file.path === '/') continue
    const parent = parentOf(file.path)
    const siblings = inside.get(parent)
    if (siblings) siblings.push(file)
    else inside.set(parent, [file])
  }
  const rows: FileInfo[] = []
  const add = (folder: string) => {
    const sorted = (inside.get(folder) ?? []).sort(
      (a, b) => Number(b.is_directory) - Number(a.is_directory) || (a.name < b.name ? -1 : 1),
    )
    for (const file of sorted) {
      rows.push(file)
      if (file.is_directory && !closed.has(file.path)) add(file.path)
    }
  }
  add('')
  return rows
}
