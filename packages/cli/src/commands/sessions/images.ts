import { defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes, UsageError } from '../../core/failure.ts'
import { saveStream } from '../../files/save.ts'
import { yesFlag } from '../../input/deletion.ts'
import { actOnEach } from '../../input/each.ts'
import { uploadImage } from '../../input/image-file.ts'
import { confirmed } from '../../input/prompt.ts'
import { sizeText } from '../../output/progress.ts'
import { listIn } from '../../output/rows.ts'
import { ago } from '../../output/time.ts'
import { oneLine } from '../../output/width.ts'

const pageSize = 100
const listedDefault = 20

const list = defineCommand({
  summary: 'list the images of the organization, the newest first',
  flags: { limit: { type: 'string', value: 'N', about: 'number of images (20)' } },
  async run({ outlast, out, signal }, { flags }) {
    const limit = Number(flags.limit ?? listedDefault)
    if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit must be 1 or more.')
    const rows = []
    for (let offset = 0; offset < limit; offset += pageSize) {
      const size = Math.min(pageSize, limit - offset)
      const page = listIn(await outlast.images.list({ limit: size, offset }, { signal }))
      rows.push(...page)
      if (page.length < size) break
    }
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ filename }) => filename, isFlexible: true },
        { title: 'TYPE', value: ({ content_type }) => content_type },
        { title: 'SIZE', value: ({ size_bytes }) => sizeText(size_bytes) },
        { title: 'CREATED', value: ({ created_at }) => ago(created_at), isExtra: true },
      ],
      { empty: 'No images. `outlast images create FILE` uploads one.' },
    )
  },
})

const create = defineCommand({
  summary: 'upload images: PNG, JPEG, GIF or WebP',
  more: 'Prints the ids. `outlast chat --image FILE` uploads and sends an image.',
  positionals: ['<file>', '[more…]'],
  async run(context, { words }) {
    return actOnEach(context, words, async (file) => {
      const image = await uploadImage(context, file)
      await context.out.done(image, `Uploaded ${oneLine(image.filename)} as ${image.id}.`)
    })
  },
})

const get = defineCommand({
  summary: 'download an image',
  positionals: ['<image>'],
  flags: { output: { type: 'string', short: 'o', value: 'FILE', about: 'output file (stdout)' } },
  async run(context, { words, flags }) {
    const { outlast, io, signal } = context
    if (io.stdout.isTTY && flags.output === undefined) {
      throw new UsageError('An image is not text. Name a file: `--output FILE`.')
    }
    const blob = await outlast.images.get(words[0]!, { signal })
    await saveStream(context, blob.stream(), flags.output)
  },
})

const remove = defineCommand({
  summary: 'delete images; messages keep their names',
  positionals: ['<image>', '[more…]'],
  flags: yesFlag,
  async run(context, { words, flags }) {
    const { outlast, out, io, signal } = context
    const question = `Delete ${words.map(oneLine).join(', ')}?`
    if (!(await confirmed(io, question, flags.yes))) return exitCodes.failed
    return actOnEach(context, words, async (id) => {
      await outlast.images.delete(id, { signal })
      await out.line(out.mode === 'json' ? JSON.stringify(id) : oneLine(id))
    })
  },
})

export const images: Noun = { list, create, get, delete: remove }
