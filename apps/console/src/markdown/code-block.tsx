import './markdown.css'
import { ActionIcon } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { useCopy } from '../shell/controls/copy.ts'
import { Icon } from '../shell/controls/icon.tsx'
import { escaped } from '../shell/text/escapes.ts'

/** Longer code is not highlighted, because it would slow down the page. */
const lengthMax = 30_000

/** Code with a copy button. Highlighting is applied after its module is loaded. */
export function CodeBlock({ text, language }: { text: string; language?: string | undefined }) {
  const { copy, isCopied, words } = useCopy('Copy code')
  const name = language?.split(/\s/)[0] ?? ''
  const shown = escaped(text)
  const highlighted = useHighlighting(shown, name)
  return (
    <div className="code-block">
      <div className="code-head">
        <span>{escaped(name)}</span>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={words}
          title={words}
          onClick={() => copy(text)}
        >
          <Icon name={isCopied ? 'check' : 'copy'} size={15} />
        </ActionIcon>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it */}
      <pre tabIndex={0}>
        <code>{highlighted ?? shown}</code>
      </pre>
    </div>
  )
}

type Highlighted = { text: string; name: string; nodes: ReactNode }

function useHighlighting(text: string, name: string): ReactNode {
  const [highlighted, setHighlighted] = useState<Highlighted>()
  useEffect(() => {
    if (name === '' || text.length > lengthMax) return
    let isGone = false
    import('./highlight.tsx').then(
      ({ highlight }) => {
        if (!isGone) setHighlighted({ text, name, nodes: highlight(text, name) })
      },
      // The code stays readable without highlighting.
      () => {},
    )
    return () => {
      isGone = true
    }
  }, [text, name])
  return highlighted?.text === text && highlighted.name === name ? highlighted.nodes : undefined
}
