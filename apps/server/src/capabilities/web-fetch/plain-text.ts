import { Tokenizer } from 'htmlparser2'

const tagSet = (text: string) => new Set(text.split(' '))

const lines = tagSet(
  'body caption center dd details div dt fieldset figcaption footer form head header hgroup html legend li main nav optgroup option select summary tbody tfoot thead tr',
)
const paragraphs = tagSet(
  'address article aside blockquote dialog dl figure h1 h2 h3 h4 h5 h6 hr menu ol p pre search section table title ul',
)
const cells = tagSet('td th')
const silent = tagSet('script style noscript template svg iframe object')

/**
 * Extracts the text of a page: a line for each block, a tab between cells, no scripts and styles.
 * Contract: linear time and memory in the page's length for all content; builds no tree.
 */
export function plainText(html: string): string {
  const writer = startText()
  let opening = ''
  const nameAt = (start: number, end: number) => html.slice(start, end).toLowerCase()
  const tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      ...deaf,
      ontext: (start, end) => writer.addText(html.slice(start, end)),
      ontextentity: (code) => writer.addText(String.fromCodePoint(code)),
      onopentagname: (start, end) => {
        opening = nameAt(start, end)
      },
      onopentagend: () => writer.openTag(opening),
      // The slash closes an element only in SVG.
      onselfclosingtag: () => opening !== 'svg' && writer.openTag(opening),
      onclosetag: (start, end) => writer.closeTag(nameAt(start, end)),
    },
  )
  tokenizer.write(html)
  tokenizer.end()
  return squeezed(writer.text())
}

const ignore = () => {}
const deaf = {
  onattribdata: ignore,
  onattribentity: ignore,
  onattribend: ignore,
  onattribname: ignore,
  oncdata: ignore,
  oncomment: ignore,
  ondeclaration: ignore,
  onprocessinginstruction: ignore,
  onend: ignore,
}

/** Collects text from tags and the text between them. */
function startText() {
  const pieces: string[] = []
  let breaks = 0
  let endsInSpace = true
  let preformatted = 0
  let silenced = ''

  function addText(text: string) {
    if (silenced || text === '') return
    const isApart = breaks > 0 || endsInSpace
    const flat = preformatted > 0 ? text : text.replace(/\s+/g, ' ')
    const shown = preformatted === 0 && isApart ? flat.replace(/^ /, '') : flat
    if (shown === '') return
    if (breaks > 0) pieces.push('\n'.repeat(Math.min(breaks, 2)))
    pieces.push(shown)
    breaks = 0
    endsInSpace = shown.endsWith(' ')
  }
  function passTag(name: string) {
    if (paragraphs.has(name)) breaks = Math.max(breaks, 2)
    else if (lines.has(name)) breaks = Math.max(breaks, 1)
  }
  function openTag(name: string) {
    if (silenced) return
    passTag(name)
    if (silent.has(name)) silenced = name
    else if (name === 'pre') preformatted += 1
    else if (name === 'li') addText('- ')
    else if (name === 'br') breaks += 1
    else if (cells.has(name) && breaks === 0 && pieces.length > 0) pieces.push('\t')
  }
  function closeTag(name: string) {
    if (name === silenced) silenced = ''
    if (silenced) return
    if (name === 'pre') preformatted = Math.max(0, preformatted - 1)
    passTag(name)
  }
  return { addText, openTag, closeTag, text: () => pieces.join('') }
}

/** Removes spaces at the ends of lines and repeated empty lines. */
export function squeezed(text: string): string {
  let isEmpty = true
  const kept = text.split('\n').filter((line) => {
    const wasEmpty = isEmpty
    isEmpty = line.trim() === ''
    return !(wasEmpty && isEmpty)
  })
  return kept
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd()
}
