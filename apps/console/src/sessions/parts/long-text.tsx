import { Button } from '@mantine/core'
import { useKept } from './kept.tsx'

const lengthMax = 8_000
/** A browser lays out several chunks faster than one block, and skips invisible chunks. */
const chunkLength = 16_000

/** Plain text. Long texts are cut until the user expands them. */
export function LongText({ name, text }: { name: string; text: string }) {
  const [isWhole, setWhole] = useKept(`whole ${name}`, false)
  if (text.length <= lengthMax) return <div className="plain">{text}</div>
  return (
    <div className="plain">
      {isWhole ? <Chunks text={text} /> : `${text.slice(0, lengthMax)}…`}
      <div>
        <Button size="compact-xs" variant="default" mt={6} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all ${text.length.toLocaleString('en')} characters`}
        </Button>
      </div>
    </div>
  )
}

function Chunks({ text }: { text: string }) {
  const count = Math.ceil(text.length / chunkLength)
  return Array.from({ length: count }, (_, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: chunks keep the order of the text
    <div key={at} className="chunk">
      {text.slice(at * chunkLength, (at + 1) * chunkLength)}
    </div>
  ))
}
