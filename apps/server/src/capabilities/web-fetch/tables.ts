import type Turndown from 'turndown'
import type { Element } from './tree.ts'

/**
 * Converts tables to Markdown, with or without a heading. A table that contains tables, or has one
 * column, is for layout: its cells become text blocks.
 */
export function addTables(turndown: Turndown): void {
  const begun = new WeakSet<Element>()
  const known = new WeakMap<Element, boolean>()
  const isTabular = (table: Element) => {
    const found = known.get(table) ?? hasColumns(table)
    known.set(table, found)
    return found
  }
  const add = (name: string, filter: string[], write: Rule) =>
    turndown.addRule(name, {
      filter: filter as never,
      replacement: ((content: string, node: Element) => {
        const table = tableOf(node)
        if (table && isTabular(table)) return write(content, node, table)
        return `\n\n${content}\n\n`
      }) as never,
    })
  add('cell', ['th', 'td'], (content) => ` ${onOneLine(content)} |`)
  add('row', ['tr'], (content, row, table) => {
    const line = `\n|${content}`
    if (begun.has(table)) return line
    begun.add(table)
    return `${line}\n|${' --- |'.repeat([...row.children].length)}`
  })
  add('section', ['thead', 'tbody', 'tfoot'], (content) => content)
  add('caption', ['caption'], (content) => `\n\n${content.trim()}\n\n`)
  add('table', ['table'], (content) => `\n\n${content.trim()}\n\n`)
}

type Rule = (content: string, node: Element, table: Element) => string

function tableOf(node: Element): Element | undefined {
  let at: Element | null = node
  while (at && at.nodeName !== 'TABLE') at = at.parentNode
  return at ?? undefined
}

function hasColumns(table: Element): boolean {
  const row = table.querySelector('tr')
  return !!row && [...row.children].length > 1 && !table.querySelector('table')
}

const onOneLine = (content: string) =>
  content
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ')
    .replaceAll('|', '\\|')
