import { Collapse, Text, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { sessionPreviewQuery } from '../../queries/sessions.ts'
import { Icon } from '../../shell/controls/icon.tsx'
import { Failure } from '../../shell/screen/screen.tsx'
import { Skeleton } from '../../shell/screen/skeleton.tsx'
import { Json } from '../tools/json.tsx'

/** The prompt and tools of the next model call. */
export function PromptPreview({ sessionId }: { sessionId: string }) {
  const [isOpen, { toggle }] = useDisclosure()
  return (
    <div>
      <UnstyledButton className="fold" aria-expanded={isOpen} onClick={toggle}>
        <Icon name="chevron" size={14} />
        Model input preview
      </UnstyledButton>
      <Collapse expanded={isOpen}>{isOpen && <Given sessionId={sessionId} />}</Collapse>
    </div>
  )
}

function Given({ sessionId }: { sessionId: string }) {
  const { data, error, refetch } = useQuery(sessionPreviewQuery(sessionId))
  if (error) return <Failure error={error} retry={refetch} />
  if (!data) return <Skeleton of="text" />
  return (
    <div className="given">
      {data.warnings.map((warning) => (
        <Text key={warning} size="sm" c="var(--outlast-wait-text)" role="alert">
          {warning}
        </Text>
      ))}
      <h2>Prompt</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it */}
      <pre className="prompt" tabIndex={0}>
        {data.system_prompt}
      </pre>
      {data.turn_settings && (
        <Json
          name="turn settings"
          label="Added by the message of the running turn"
          value={data.turn_settings}
        />
      )}
      <h2>Tools ({data.tools.length})</h2>
      {data.tools.map((tool) => (
        <details key={tool.name}>
          <summary>
            <code>{tool.name}</code> <span>{tool.description}</span>
          </summary>
          <Json name={`tool ${tool.name}`} label="Definition" value={tool} />
        </details>
      ))}
    </div>
  )
}
