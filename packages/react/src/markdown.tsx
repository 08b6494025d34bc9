import { type ComponentPropsWithoutRef, memo, type ReactNode } from 'react'
import {
  type Block,
  blocksOf,
  codeOf,
  headingOf,
  itemsIn,
  quotedIn,
  rowsOf,
} from './markdown-blocks.ts'
import { type Span, spansOf } from './markdown-spans.ts'

/** Deeper lists, quotes and spans are shown as text. */
const depthMax = 8

type MarkdownProps = Omit<ComponentPropsWithoutRef<'div'>, 'children'> & {
  text: string
  /** True while text is added: links without an end are not shown as Markdown. */
  isStreaming?: boolean
}

/**
 * Shows Markdown. Only the last block renders again while text is added.
 * Contract: HTML is shown as text, images as links; links open pages and addresses of mail only.
 */
export function Markdown({ text, isStreaming = false, ...props }: MarkdownProps) {
  const shown = isStreaming ? text.replace(/!?\[([^[\]\n]*)\]\([^()\s]*$/, '$1') : text
  return <div {...props}>{viewsOf(shown, depthMax)}</div>
}

const viewsOf = (text: string, depth: number): ReactNode =>
  depth === 0
    ? text
    : // Blocks are only added at the end.
      blocksOf(text).map(({ kind, source }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the place of a block is its identity
        <BlockView key={at} kind={kind} source={source} depth={depth} />
      ))

const BlockView = memo(function BlockView({ kind, source, depth }: Block & { depth: number }) {
  switch (kind) {
    case 'code':
      return <Code source={source} />
    case 'heading':
      return <Heading source={source} />
    case 'rule':
      return <hr />
    case 'quote':
      return <blockquote>{viewsOf(quotedIn(source), depth - 1)}</blockquote>
    case 'list':
      return <List source={source} depth={depth} />
    case 'table':
      return <Table source={source} />
    case 'paragraph':
      return <p>{inline(source)}</p>
  }
})

function Code({ source }: { source: string }) {
  const { language, text } = codeOf(source)
  return (
    <pre>
      <code data-language={language || undefined}>{text}</code>
    </pre>
  )
}

function Heading({ source }: { source: string }) {
  const { level, text } = headingOf(source)
  const Level = `h${Math.min(6, level)}` as 'h1'
  return <Level>{inline(text)}</Level>
}

function List({ source, depth }: { source: string; depth: number }) {
  const { isOrdered, start, items } = itemsIn(source)
  const views = items.map((item, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the place of an item is its identity
    <li key={at}>{isSingle(item) ? inline(item) : viewsOf(item, depth - 1)}</li>
  ))
  return isOrdered ? <ol start={start}>{views}</ol> : <ul>{views}</ul>
}

const isSingle = (item: string) => {
  const [first, ...others] = blocksOf(item)
  return others.length === 0 && first?.kind === 'paragraph'
}

function Table({ source }: { source: string }) {
  const { head, rows } = rowsOf(source)
  const cells = (row: string[], Cell: 'th' | 'td') =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the column of a cell is its identity
    head.map((_, at) => <Cell key={at}>{inline(row[at] ?? '')}</Cell>)
  return (
    <table>
      <thead>
        <tr>{cells(head, 'th')}</tr>
      </thead>
      <tbody>
        {rows.map((row, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the place of a row is its identity
          <tr key={at}>{cells(row, 'td')}</tr>
        ))}
      </tbody>
    </table>
  )
}

function inline(text: string, depth = depthMax): ReactNode {
  if (depth === 0) return text
  // biome-ignore lint/suspicious/noArrayIndexKey: the place of a span is its identity
  return spansOf(text).map((span, at) => <SpanView key={at} span={span} depth={depth} />)
}

function SpanView({ span, depth }: { span: Span; depth: number }) {
  switch (span.kind) {
    case 'text':
      return span.text
    case 'break':
      return <br />
    case 'code':
      return <code>{span.text}</code>
    case 'link':
      return (
        <a href={span.href} target="_blank" rel="noopener noreferrer nofollow">
          {isAddress(span.text) ? span.text : inline(span.text, depth - 1)}
        </a>
      )
    default: {
      const Mark = span.kind
      return <Mark>{inline(span.text, depth - 1)}</Mark>
    }
  }
}

/** A link inside the label of a link is text. */
const isAddress = (text: string) => /https?:\/\//.test(text)
