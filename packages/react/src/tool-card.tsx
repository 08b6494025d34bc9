import type { ToolCallItem } from '@outlast/sdk'
import type { ComponentPropsWithoutRef, ReactNode } from 'react'

type ToolCardProps = Omit<ComponentPropsWithoutRef<'details'>, 'children'> & {
  call: ToolCallItem
  /** Content below the call, such as an `AnswerForm`. */
  children?: ReactNode
}

/** Shows a tool call. `data-status` has its state, for styles. */
export function ToolCard({ call, children, ...props }: ToolCardProps) {
  const { name, status, progress, result, error } = call
  return (
    <details open={status === 'waiting'} {...props} data-status={status}>
      <summary>
        {name}: {status}
      </summary>
      <pre>{JSON.stringify(call.arguments, undefined, 2)}</pre>
      {status === 'running' && progress && (
        <p>
          <progress value={progress.progress} max={progress.total} /> {progress.message}
        </p>
      )}
      {result && <pre>{result.map(textOfPart).join('\n')}</pre>}
      {error !== undefined && <p role="alert">{error}</p>}
      {children}
    </details>
  )
}

const textOfPart = (part: NonNullable<ToolCallItem['result']>[number]) =>
  part.type === 'text' ? part.text : JSON.stringify(part, undefined, 2)
