import { Readability } from '@mozilla/readability'
import Turndown from 'turndown'
import { squeezed } from './plain-text.ts'
import { addTables } from './tables.ts'
import { type Element, isModest, parse } from './tree.ts'

const articleLengthMin = 500
const indentedMax = 20_000_000

/**
 * Converts the article of a page to Markdown, or the whole page where it has none. Undefined for a
 * page that would exceed the memory of a thread.
 * Contract: links and images are absolute, by `url`; may take long: run it in a thread that can be
 * ended.
 */
export function markdown(html: string, url: string): string | undefined {
  if (!isModest(html)) return undefined
  try {
    const { title, content } = articleOf(html, url) ?? wholeOf(html, url)
    const text = squeezed(makeTurndown().turndown(content as never))
    return title ? `# ${title}\n\n${text}`.trimEnd() : text
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

type Part = { title: string | undefined; content: Element }

function articleOf(html: string, url: string): Part | undefined {
  const reader = new Readability<Element>(parse(html, url) as never, {
    charThreshold: articleLengthMin,
    keepClasses: true,
    serializer: (node) => node as unknown as Element,
  })
  const article = reader.parse()
  if (!article?.content || (article.length ?? 0) < articleLengthMin) return undefined
  return { title: article.title?.trim(), content: article.content }
}

const unseen =
  'script, style, noscript, template, svg, iframe, object, embed, canvas, title, meta, link, base'

function wholeOf(html: string, url: string): Part {
  const document = parse(html, url)
  const title = document.querySelector('title')?.textContent.replace(/\s+/g, ' ').trim()
  for (const element of [...document.querySelectorAll(unseen)]) element.remove()
  return { title: document.querySelector('h1') ? undefined : title, content: document.body }
}

/** Contract: for one page only, since it counts the written text. */
function makeTurndown(): Turndown {
  const turndown = new Turndown({
    headingStyle: 'atx',
    hr: '---',
    bulletListMarker: '-',
    codeBlockStyle: 'fenced',
  })
  let indented = 0
  // Quotes and lists are copied at every level: deep nesting would grow without limit.
  const indent = (content: string, prefix: string) => {
    const text = content.trim().replace(/\n/g, `\n${prefix}`)
    indented += text.length
    if (indented > indentedMax) throw new RangeError('the nesting is too deep')
    return text
  }
  turndown.addRule('quote', {
    filter: 'blockquote',
    replacement: (content) => `\n\n> ${indent(content, '> ')}\n\n`,
  })
  turndown.addRule('item', { filter: 'li', replacement: itemRule(indent) as never })
  turndown.addRule('code', { filter: 'pre', replacement: fenced as never })
  addTables(turndown)
  return turndown
}

function itemRule(indent: (content: string, prefix: string) => string) {
  const written = new WeakMap<Element, number>()
  return (content: string, { parentNode, nextSibling }: Element) => {
    let marker = '- '
    if (parentNode?.nodeName === 'OL') {
      const first = Number.parseInt(parentNode.getAttribute('start') ?? '1', 10) || 1
      const number = written.get(parentNode) ?? first
      written.set(parentNode, number + 1)
      marker = `${number}. `
    }
    return marker + indent(content, ' '.repeat(marker.length)) + (nextSibling ? '\n' : '')
  }
}

function fenced(_content: string, pre: Element): string {
  const named = pre.querySelector('code') ?? pre
  const [, language = ''] =
    /(?:language|lang)-([\w+#-]+)/.exec(named.getAttribute('class') ?? '') ?? []
  const code = pre.textContent.replace(/\n$/, '')
  const longest = Math.max(
    2,
    ...(code.match(/`{3,}/g) ?? []).slice(0, 1000).map((run) => run.length),
  )
  const fence = '`'.repeat(longest + 1)
  return `\n\n${fence}${language}\n${code}\n${fence}\n\n`
}
