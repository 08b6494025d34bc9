import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import path from 'node:path'

/** Code points that file systems ignore in names, and invisible ones. */
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu
const turning = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

/** Normalizes a name as file systems do: HFS+ ignores code points, NTFS and APFS ignore case. */
const folded = (name: string) =>
  name.normalize('NFKC').replace(unseen, '').toUpperCase().toLowerCase()

/** Forms of `.git`: with trailing dots, spaces or NTFS streams, and the short name of Windows. */
const gitName = /^(?:\.git|git~\d+)[. ]*(?::|$)/
/** Names that Windows opens as devices, with any extension. */
const deviceName = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com\d|lpt\d) *(?:[.:]|$)/

/** Reason to refuse a file of this name. Undefined if it is allowed. */
export function nameProblem(name: string, platform: string = process.platform): string | undefined {
  const plain = folded(name)
  if (['', '.', '..'].includes(plain) || /[/\\\0]/.test(name)) return 'its name is invalid here'
  if (gitName.test(plain)) return 'nothing is written to .git'
  if (deviceName.test(plain)) return 'Windows reserves its name'
  if (turning.test(name)) return 'its name has control characters'
  const isOfWindows = platform === 'win32' && /[<>:"|?*]|[. ]$/.test(name)
  return isOfWindows ? 'its name is invalid here' : undefined
}

/** Whether Git treats a directory with these names as a repository and uses its settings. */
function isRepository(names: ReadonlySet<string>): boolean {
  const hasStore = names.has('objects') && names.has('refs')
  return names.has('head') && (hasStore || names.has('commondir'))
}

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Directories below `folder` that these files would turn into Git repositories. */
export function repositoriesBelow(
  folder: string,
  files: readonly (readonly string[])[],
): ReadonlySet<string> {
  const children = new Map<string, Set<string>>()
  for (const names of files) {
    for (const [at, name] of names.entries()) {
      const above = path.join(folder, ...names.slice(0, at))
      const known = children.get(above) ?? new Set(namesIn(above).map(folded))
      children.set(above, known.add(folded(name)))
    }
  }
  return new Set([...children].flatMap(([at, names]) => (isRepository(names) ? [at] : [])))
}

/** Whether a folder is `.git`, or a repository without a work tree. */
export function isInsideGit(folder: string): boolean {
  for (let at = realPlace(path.resolve(folder)); ; at = path.dirname(at)) {
    if (gitName.test(folded(path.basename(at)))) return true
    if (isRepository(new Set(namesIn(at).map(folded)))) return true
    if (path.dirname(at) === at) return false
  }
}

/** Resolves the links of a path whose end may not exist yet. */
function realPlace(file: string): string {
  if (path.dirname(file) === file) return file
  if (lstatSync(file, { throwIfNoEntry: false })) {
    try {
      return realpathSync(file)
    } catch {
      return file
    }
  }
  return path.join(realPlace(path.dirname(file)), path.basename(file))
}
