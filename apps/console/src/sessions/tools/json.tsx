import { Button, Code } from '@mantine/core'
import { memo } from 'react'
import { CopyAction } from '../parts/action.tsx'
import { useKept } from '../parts/kept.tsx'
import { cut, jsonOf, parsed } from './json-text.ts'

/** Longer texts are not highlighted, because it takes too long. */
const colorsMax = 60_000

/** A value as formatted JSON. Long values are folded. `name` is unique in the session. */
export const Json = memo(
  ({ name, value, label }: { name: string; value: unknown; label?: string }) => (
    <Folded name={name} label={label} text={jsonOf(value)} isJson />
  ),
)

/** The text result of a tool. JSON is formatted. */
export const ResultText = memo(
  ({ name, text, label }: { name: string; text: string; label?: string }) => {
    const value = parsed(text)
    return (
      <Folded
        name={name}
        label={label}
        text={value === undefined ? text : jsonOf(value, text)}
        isJson={value !== undefined}
      />
    )
  },
)

type FoldedProps = { name: string; label: string | undefined; text: string; isJson: boolean }

function Folded({ name, label, text, isJson }: FoldedProps) {
  const [isWhole, setWhole] = useKept(`json ${name}`, false)
  const short = cut(text)
  const shown = isWhole ? text : short
  return (
    <div className="json">
      <div className="json-head">
        <span>{label}</span>
        <CopyAction label={`Copy ${label?.toLowerCase() ?? 'value'}`} icon="copy" text={text} />
      </div>
      <Code block tabIndex={0}>
        {isJson && shown.length < colorsMax ? highlighted(shown) : shown}
      </Code>
      {short !== text && (
        <Button size="compact-xs" variant="default" mt={4} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all ${text.length.toLocaleString('en')} characters`}
        </Button>
      )}
    </div>
  )
}

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

function highlighted(text: string) {
  const parts = []
  let end = 0
  for (const found of text.matchAll(token)) {
    const [whole, string, colon] = found
    parts.push(text.slice(end, found.index))
    const kind = string ? (colon ? 'key' : 'string') : 'number'
    parts.push(
      <span key={found.index} className={`json-${kind}`}>
        {string ?? whole}
      </span>,
    )
    parts.push(colon)
    end = found.index + whole.length
  }
  parts.push(text.slice(end))
  return parts
}
