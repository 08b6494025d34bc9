import './markdown.css'
import type { Token, Tokens } from 'marked'
import { Fragment, memo, type ReactNode, useMemo, useRef } from 'react'
import { escaped } from '../shell/text/escapes.ts'
import { type Blocks, blocksOf, noBlocks } from './blocks.ts'
import { CodeBlock } from './code-block.tsx'
import { RemoteImage } from './remote-image.tsx'

/**
 * Renders the Markdown of a model. Tags are shown as text and never become HTML. While the text
 * grows, only its last blocks render again.
 */
export function Markdown({ text, isGrowing = false }: { text: string; isGrowing?: boolean }) {
  const before = useRef<Blocks>(noBlocks)
  const { blocks } = useMemo(() => {
    before.current = blocksOf(text, isGrowing ? before.current : noBlocks)
    return before.current
  }, [text, isGrowing])
  return (
    <div className="markdown">
      {blocks.map((block, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: text only grows at its end
        <Block key={at} raw={block.raw} token={block} />
      ))}
    </div>
  )
}

const Block = memo(
  ({ token }: { raw: string; token: Token }) => <>{shown(token)}</>,
  (before, after) => before.raw === after.raw,
)

const all = (tokens: Token[] | undefined): ReactNode =>
  tokens?.map((token, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they keep the order of the text
    <Fragment key={at}>{shown(token)}</Fragment>
  ))

const safeLink = /^(https?:|mailto:)/i

function shown(token: Token): ReactNode {
  switch (token.type) {
    case 'space':
    case 'def':
      return null
    case 'heading': {
      const Tag = `h${Math.min(6, (token as Tokens.Heading).depth + 1)}` as 'h2'
      return <Tag>{all(token.tokens)}</Tag>
    }
    case 'paragraph':
      return <p>{all(token.tokens)}</p>
    case 'code':
      return <CodeBlock text={token.text} language={(token as Tokens.Code).lang} />
    case 'blockquote':
      return <blockquote>{all(token.tokens)}</blockquote>
    case 'list':
      return listOf(token as Tokens.List)
    case 'table':
      return tableOf(token as Tokens.Table)
    case 'hr':
      return <hr />
    case 'strong':
      return <strong>{all(token.tokens)}</strong>
    case 'em':
      return <em>{all(token.tokens)}</em>
    case 'del':
      return <del>{all(token.tokens)}</del>
    case 'codespan':
      return <code>{escaped(token.text)}</code>
    case 'br':
      return <br />
    case 'link':
      return anchorOf(token as Tokens.Link)
    case 'image':
      return <RemoteImage address={token.href} name={unescaped(token.text)} />
    case 'text':
    case 'escape':
      return token.type === 'text' && token.tokens ? all(token.tokens) : unescaped(token.text)
    case 'plain':
      return <span className="plain">{token.raw}</span>
    default:
      return token.raw
  }
}

/** Reverts the HTML escaping of the lexer. React escapes text itself. */
function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}

function anchorOf({ href, tokens }: Tokens.Link): ReactNode {
  if (!safeLink.test(href)) return all(tokens)
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {all(tokens)}
    </a>
  )
}

function listOf({ ordered, start, items }: Tokens.List): ReactNode {
  const entries = items.map((item, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they keep the order of the text
    <li key={at}>
      {item.task && <input type="checkbox" checked={item.checked ?? false} readOnly disabled />}
      {all(item.tokens)}
    </li>
  ))
  return ordered ? <ol start={start === '' ? 1 : start}>{entries}</ol> : <ul>{entries}</ul>
}

function tableOf({ header, rows }: Tokens.Table): ReactNode {
  return (
    <table>
      <thead>
        <tr>
          {header.map((cell, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: columns do not move
            <th key={at}>{all(cell.tokens)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: they keep the order of the text
          <tr key={at}>
            {row.map((cell, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns do not move
              <td key={column}>{all(cell.tokens)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
