import { Button, type ButtonProps } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Confirm } from './confirm.tsx'

type ActProps = { act: { isPending: boolean; mutate: () => void }; children: ReactNode }

/** Does something at once. */
export const ActButton = ({ act, children }: ActProps) => (
  <Button size="xs" variant="default" loading={act.isPending} onClick={() => act.mutate()}>
    {children}
  </Button>
)

type AskProps = ButtonProps & {
  /** What the button says. */
  say: string
  'aria-label'?: string
  title: string
  verb?: string
  act: () => Promise<unknown>
  /** What follows from it. */
  children: ReactNode
}

/** Asks first, and then does it. */
export function AskButton({ say, title, verb = say, act, children, ...button }: AskProps) {
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setAsking(true)} {...button}>
        {say}
      </Button>
      {isAsking && (
        <Confirm title={title} verb={verb} act={act} close={() => setAsking(false)}>
          {children}
        </Confirm>
      )}
    </>
  )
}
