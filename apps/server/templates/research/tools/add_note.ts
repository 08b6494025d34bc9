import { defineTool, Type } from 'outlast'

const file = '/notes.md'

/** Its only effect is one change of a file of the session, so a crash can never repeat it. */
export default defineTool({
  description: `Adds a note with its source to ${file}.`,
  replay: 'until_changed',
  input: Type.Object({
    note: Type.String({ description: 'One fact, in one sentence' }),
    source: Type.String({ description: 'Address of the page' }),
  }),
  async run({ note, source }, { files }) {
    await files.edit(file, (before = Buffer.from('')) => `${before}- ${note} (${source})\n`)
    return { file }
  },
})
