import { ActionIcon } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { type ReactNode, useEffect, useState } from 'react'
import { Icon } from '../shell/icon.tsx'

/** What is longer stays without colours, so that no text makes the page slow. */
const lengthMax = 30_000

/** Code, with a button that copies it. The colours come when their code is there. */
export function CodeBlock({ text, language }: { text: string; language?: string | undefined }) {
  const { copy, copied } = useClipboard({ timeout: 1_500 })
  const name = language?.split(/\s/)[0] ?? ''
  const coloured = useColours(text, name)
  const label = copied ? 'Copied' : 'Copy code'
  return (
    <div className="code-block">
      <div className="code-head">
        <span>{name}</span>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={label}
          title={label}
          onClick={() => copy(text)}
        >
          <Icon name={copied ? 'check' : 'copy'} size={15} />
        </ActionIcon>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it */}
      <pre tabIndex={0}>
        <code>{coloured ?? text}</code>
      </pre>
    </div>
  )
}

type Coloured = { text: string; name: string; nodes: ReactNode }

function useColours(text: string, name: string): ReactNode {
  const [coloured, setColoured] = useState<Coloured>()
  useEffect(() => {
    if (name === '' || text.length > lengthMax) return
    let isGone = false
    import('./highlight.tsx').then(
      ({ highlight }) => {
        if (!isGone) setColoured({ text, name, nodes: highlight(text, name) })
      },
      // Without colours it is code all the same.
      () => {},
    )
    return () => {
      isGone = true
    }
  }, [text, name])
  return coloured?.text === text && coloured.name === name ? coloured.nodes : undefined
}
