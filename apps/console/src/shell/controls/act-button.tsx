import { Button, type ButtonProps } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Confirm } from './confirm.tsx'

type ActProps = { act: { isPending: boolean; mutate: () => void }; children: ReactNode }

/** A button that runs an action without confirmation. */
export const ActButton = ({ act, children }: ActProps) => (
  <Button size="xs" variant="default" loading={act.isPending} onClick={() => act.mutate()}>
    {children}
  </Button>
)

type AskProps = ButtonProps & {
  /** The label of the button. */
  label: string
  'aria-label'?: string
  title: string
  verb?: string
  /** The label of the button that closes the dialog. */
  keep?: string
  /** The message after success. */
  done?: string
  act: () => Promise<unknown>
  /** The consequences of the action. */
  children: ReactNode
}

/** A button that runs an action after confirmation. */
export function AskButton({ label, title, verb, keep, done, act, children, ...button }: AskProps) {
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setAsking(true)} {...button}>
        {label}
      </Button>
      {isAsking && (
        <Confirm
          title={title}
          verb={verb ?? label}
          {...(keep && { keep })}
          done={done}
          act={act}
          close={() => setAsking(false)}
        >
          {children}
        </Confirm>
      )}
    </>
  )
}
