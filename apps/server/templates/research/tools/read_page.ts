import { defineTool, ToolError, Type } from 'outlast'

const charactersMax = 20_000

/** `fetch` of the context reaches only the public internet and the hosts that the server allows. */
export default defineTool({
  description: 'Returns the text of a web page.',
  replay: 'safe',
  limits: { timeoutMs: 30_000 },
  input: Type.Object({ url: Type.String({ description: 'Address that begins with https://' }) }),
  async run({ url }, { fetch, signal }) {
    const response = await fetch(url, { signal })
    if (!response.ok) throw new ToolError(`${url} answered ${response.status}.`)
    return { url, text: textOf(await response.text()).slice(0, charactersMax) }
  },
})

function textOf(html: string): string {
  return html
    .replace(/<(script|style)\b.*?<\/\1>/gis, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
