import { defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes, NotFoundError, UsageError } from '../../core/failure.ts'
import type { Flags } from '../../core/flags.ts'
import { bytesOf, findPath, remotePath, within } from '../../files/remote.ts'
import { yesFlag } from '../../input/deletion.ts'
import { actOnEach } from '../../input/each.ts'
import { confirmed } from '../../input/prompt.ts'
import { sizeText } from '../../output/progress.ts'
import { oneLine } from '../../output/width.ts'

const dryRun = {
  'dry-run': { type: 'boolean', about: 'print the actions without running them' },
} as const satisfies Flags

const recursive = {
  recursive: { type: 'boolean', short: 'r', about: 'include subdirectories' },
} as const satisfies Flags

const notThere = (file: string) => new NotFoundError(`${file} does not exist.`)

const list = defineCommand({
  summary: 'list the files of a session',
  positionals: ['<session>', '[path]'],
  flags: recursive,
  async run({ outlast, out, signal }, { words, flags }) {
    const sessionId = words[0]!
    const place = remotePath(words[1] ?? '/')
    const at = place === '/' ? undefined : await outlast.files.stat(sessionId, place, { signal })
    const query = flags.recursive ? { recursive: true } : {}
    const rows =
      at && !at.is_directory
        ? [at]
        : (await outlast.files.list(sessionId, place, query, { signal })).data
    await out.list(
      rows.map((row) => ({ ...row, id: row.path })),
      [
        { title: 'SIZE', value: (row) => (row.is_directory ? '-' : sizeText(row.size_bytes)) },
        {
          title: 'CHANGED',
          value: ({ updated_at }) => `${oneLine(String(updated_at)).slice(0, 19)}Z`,
        },
        { title: 'PATH', value: ({ path, is_directory }) => path + (is_directory ? '/' : '') },
      ],
      { empty: 'No files.' },
    )
  },
})

const get = defineCommand({
  summary: 'print a file byte for byte',
  aliases: ['cat'],
  positionals: ['<session>', '<path>'],
  async run({ outlast, out, io, signal }, { words }) {
    const place = remotePath(words[1]!)
    const file = await outlast.files.read(words[0]!, place, { signal })
    if (out.mode === 'json') return out.json(file)
    const bytes = bytesOf(file)
    if (io.stdout.isTTY && file.encoding === 'base64') {
      throw new UsageError(
        `${place} is not text (${sizeText(bytes.length)}). Redirect the output to a file.`,
      )
    }
    await out.write(bytes)
  },
})

const push = defineCommand({
  summary: 'upload files and directories; the last argument is the target',
  more: 'Without a target, files go to the root. A target that ends in / is the parent directory.',
  aliases: ['create', 'update'],
  positionals: ['<session>', '<local>', '[more… target]'],
  flags: dryRun,
  async run(context, { words: [sessionId, ...words], flags }) {
    const { push } = await import('../../files/push.ts')
    const { report } = await import('../../files/transfer.ts')
    const isDryRun = flags['dry-run']
    const outcome = await push(context, { sessionId: sessionId!, words, isDryRun })
    return report(context, outcome, isDryRun ? 'would be uploaded' : 'uploaded')
  },
})

const pull = defineCommand({
  summary: 'download a file or a directory with its contents',
  more: 'The default target is the current directory. A target that ends in / is the parent directory.',
  positionals: ['<session>', '<path>', '[local]'],
  flags: { force: { type: 'boolean', about: 'replace existing files' }, ...dryRun },
  async run(context, { words: [sessionId, from, to = './'], flags }) {
    const { pull } = await import('../../files/pull.ts')
    const { report } = await import('../../files/transfer.ts')
    const { force: isForced, 'dry-run': isDryRun } = flags
    const pulling = { sessionId: sessionId!, from: from!, to, isDryRun, isForced }
    const outcome = await pull(context, pulling)
    const code = await report(context, outcome, isDryRun ? 'would be downloaded' : 'downloaded')
    if (outcome.hasConflicts) context.out.note('Nothing was written.')
    if (outcome.hidden.length > 0) context.out.note('Hidden files, whose names begin with a dot:')
    for (const file of outcome.hidden) context.out.note(`  ${oneLine(file)}`)
    return code
  },
})

const remove = defineCommand({
  summary: 'delete files; a directory that is not empty needs -r',
  positionals: ['<session>', '<path>', '[more…]'],
  flags: { ...recursive, ...yesFlag },
  async run(context, { words: [sessionId, ...paths], flags }) {
    const { outlast, out, io, signal } = context
    const places = paths.map(remotePath)
    const question = `Delete ${places.map(oneLine).join(', ')}?`
    if (!(await confirmed(io, question, flags.yes))) return exitCodes.failed
    const query = flags.recursive ? { recursive: true } : {}
    let isMissing = false
    const code = await actOnEach(context, places, async (place) => {
      const { deleted } = await outlast.files.delete(sessionId!, place, query, { signal })
      if (deleted) await out.line(out.mode === 'json' ? JSON.stringify(place) : oneLine(place))
      else {
        out.failure(`${oneLine(place)} does not exist.`)
        isMissing = true
      }
    })
    return code || (isMissing ? exitCodes.notFound : exitCodes.ok)
  },
})

const move = defineCommand({
  summary: 'move a file or a directory; in a directory it keeps its name',
  aliases: ['mv'],
  positionals: ['<session>', '<from>', '<to>'],
  async run({ outlast, out, signal }, { words: [sessionId, from, to] }) {
    const src_path = remotePath(from!)
    const place = remotePath(to!)
    const remote = { outlast, sessionId: sessionId!, signal }
    if (!(await findPath(remote, src_path))) throw notThere(src_path)
    const isInside =
      to!.endsWith('/') || place === '/' || (await findPath(remote, place))?.is_directory
    const dst_path = isInside ? within(place, src_path.split('/').at(-1)!) : place
    const moved = await outlast.files.move(sessionId!, { src_path, dst_path }, { signal })
    if (out.mode === 'json') await out.json(moved)
    else await out.line(oneLine(moved.path))
  },
})

const grep = defineCommand({
  summary: 'print lines that match an RE2 expression, in the files of a glob',
  aliases: ['search'],
  positionals: ['<session>', '<pattern>', '[glob]'],
  async run({ outlast, out, signal }, { words: [sessionId, pattern, path_pattern] }) {
    const body = { pattern: pattern!, ...(path_pattern !== undefined && { path_pattern }) }
    const { data, truncated } = await outlast.files.grep(sessionId!, body, { signal })
    if (out.mode === 'json') await out.json(data)
    else if (out.mode === 'quiet') for (const { path } of data) await out.line(path)
    else {
      for (const { path, line_number, line } of data.flatMap(({ matches }) => matches)) {
        await out.line(oneLine(`${path}:${line_number}: ${line}`))
      }
    }
    if (truncated) out.note('There are more matches.')
    return data.length > 0 ? exitCodes.ok : exitCodes.failed
  },
})

export const files: Noun = { list, get, push, pull, delete: remove, move, grep }
