import { Parser } from 'htmlparser2'
import { DOMParser } from 'linkedom'

const depthMax = 256
const partsMax = 250_000

/** The used part of an element; linkedom's own types need a browser's. */
export type Element = {
  nodeName: string
  textContent: string
  parentNode: Element | null
  nextSibling: Element | null
  children: Iterable<Element>
  querySelector(selector: string): Element | null
  querySelectorAll(selector: string): Iterable<Element>
  getAttribute(name: string): string | null
  setAttribute(name: string, value: string): void
  removeAttribute(name: string): void
  append(...nodes: Element[]): void
  remove(): void
}
export type Document = Element & { head: Element; body: Element }

class TooMuch extends Error {}

/** True for a page whose tree fits the memory and the stack of a thread. */
export function isModest(html: string): boolean {
  let depth = 0
  let parts = 0
  const count = (more: number) => {
    depth += more
    parts += 1
    if (depth > depthMax || parts > partsMax) throw new TooMuch()
  }
  const parser = new Parser({
    onopentagname: () => count(1),
    onclosetag: () => count(-1),
    onattribute: () => count(0),
    ontext: () => count(0),
    oncomment: () => count(0),
  })
  try {
    parser.end(html)
    return true
  } catch (error) {
    if (error instanceof TooMuch) return false
    throw error
  }
}

const frames = /<(\/?(html|head|body)|!doctype)(\s[^<>]{0,2000})?>/gi

/** Parses a page, with or without `html`, `head` and `body`, and makes its URLs absolute. */
export function parse(html: string, url: string): Document {
  const framed = `<!doctype html><html><head></head><body>${html.replace(frames, ' ')}</body></html>`
  const document = new DOMParser().parseFromString(framed, 'text/html') as unknown as Document
  const title = document.querySelector('body > title')
  if (title) document.head.append(title)
  const named = document.querySelector('base[href]')?.getAttribute('href')
  const base = named && URL.canParse(named, url) ? new URL(named, url).href : url
  for (const link of document.querySelectorAll('a[href]')) setAbsolute(link, 'href', base)
  for (const image of document.querySelectorAll('img[src]')) setAbsolute(image, 'src', base)
  return document
}

/** Removes links without a target page, and images with inline data. */
function setAbsolute(element: Element, name: 'href' | 'src', base: string): void {
  const given = element.getAttribute(name)!.trim()
  const address = URL.canParse(given, base) ? new URL(given, base) : undefined
  const leads = address && !/^(javascript|data|blob|vbscript):$/.test(address.protocol)
  if (!leads || given.startsWith('#')) {
    element.removeAttribute(name)
  } else if (address.href !== given) element.setAttribute(name, address.href)
}
