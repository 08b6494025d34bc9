import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { NotFoundError } from '../../core/failure.ts'
import { findResource, kinds } from '../../core/resources.ts'
import { openBrowser } from '../../output/browser.ts'

/** Resources with a page in the console: the path, and the kind. */
const pages = [
  { kind: kinds.SESSION!, path: 'sessions' },
  { kind: kinds.AGENT!, path: 'agents' },
] as const

/** Finds the page of a session or an agent. A type in the text, as in `agent_01a2`, decides. */
async function pathOf({ outlast, signal }: Context, text: string): Promise<string> {
  const typed = pages.filter(({ kind }) => text.startsWith(`${kind.noun}_`))
  const isHex = /^[0-9a-f]+$/i.test(text)
  const candidates = typed.length > 0 ? typed : isHex ? [...pages].reverse() : pages.slice(1)
  let failure: unknown
  for (const { kind, path } of candidates) {
    try {
      return `/${path}/${(await findResource(kind, text, { outlast, signal })).id}`
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      failure = error
    }
  }
  throw failure
}

export const open: Noun = {
  '': defineCommand({
    summary: 'open the console in the browser, at a session or an agent',
    more: 'Prints the URL. Without a browser, and with --print, it only prints the URL. BROWSER selects the program.',
    positionals: ['[session or agent]'],
    flags: { print: { type: 'boolean', about: 'only print the URL' } },
    async run(context, { words, flags }) {
      const { io, out, url } = context
      const path = words[0] === undefined ? '' : await pathOf(context, words[0])
      const address = `${url.replace(/\/+$/, '')}${path || '/'}`
      if (out.mode === 'json') await out.json({ url: address })
      else await out.line(address)
      if (flags.print || out.mode !== 'text') return
      if (!(await openBrowser(io, address))) out.note('No browser found. Open the URL by hand.')
    },
  }),
}
