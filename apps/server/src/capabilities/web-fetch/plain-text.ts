import { Tokenizer } from 'htmlparser2'

const words = (text: string) => new Set(text.split(' '))

const lines = words(
  'body br caption center dd details div dt fieldset figcaption footer form head header hgroup html legend li main nav optgroup option select summary tbody tfoot thead tr',
)
const paragraphs = words(
  'address article aside blockquote dialog dl figure h1 h2 h3 h4 h5 h6 hr menu ol p pre search section table title ul',
)
const cells = words('td th')
const silent = words('script style noscript template svg iframe object')

/**
 * The words of a page without its markup: a line for each block, a tab between cells, no scripts and styles.
 * Contract: takes time and memory in step with the page's length, whatever the page holds; builds no tree.
 */
export function plainText(html: string): string {
  const pieces: string[] = []
  let isLineStart = true
  let endsInSpace = true
  let preformatted = 0
  let opening = ''
  let silenced = ''

  function addBreak(text: '\n' | '\n\n') {
    pieces.push(text)
    isLineStart = true
    endsInSpace = true
  }
  function addText(text: string) {
    if (silenced || text === '') return
    let shown = preformatted > 0 ? text : text.replace(/\s+/g, ' ')
    if (preformatted === 0 && endsInSpace && shown.startsWith(' ')) shown = shown.slice(1)
    if (shown === '') return
    pieces.push(shown)
    isLineStart = false
    endsInSpace = shown.endsWith(' ')
  }
  function passTag(name: string) {
    if (silenced) return
    if (paragraphs.has(name)) addBreak('\n\n')
    else if (lines.has(name)) addBreak('\n')
  }
  function openTag(name: string, isEmpty: boolean) {
    passTag(name)
    if (silenced || isEmpty) return
    if (silent.has(name)) silenced = name
    else if (name === 'pre') preformatted += 1
    else if (name === 'li') addText('- ')
    else if (cells.has(name) && !isLineStart) pieces.push('\t')
  }
  function closeTag(name: string) {
    if (silenced) {
      if (name === silenced) silenced = ''
      return
    }
    if (name === 'pre') preformatted = Math.max(0, preformatted - 1)
    passTag(name)
  }

  const nameAt = (start: number, end: number) => html.slice(start, end).toLowerCase()
  const tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      ontext: (start, end) => addText(html.slice(start, end)),
      ontextentity: (code) => addText(String.fromCodePoint(code)),
      onopentagname: (start, end) => {
        opening = nameAt(start, end)
      },
      onopentagend: () => openTag(opening, false),
      onselfclosingtag: () => openTag(opening, opening === 'svg'),
      onclosetag: (start, end) => closeTag(nameAt(start, end)),
      onattribdata() {},
      onattribentity() {},
      onattribend() {},
      onattribname() {},
      oncdata() {},
      oncomment() {},
      ondeclaration() {},
      onprocessinginstruction() {},
      onend() {},
    },
  )
  tokenizer.write(html)
  tokenizer.end()
  return squeezed(pieces.join(''))
}

/** Without spaces at the ends of lines, and with one empty line where there were more. */
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
