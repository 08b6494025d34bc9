import { Button, Text } from '@mantine/core'
import { useBlocker } from '@tanstack/react-router'
import { Dialog, DialogButtons } from '../shell/controls/dialog.tsx'

type LeavingProps = {
  isDirty: boolean
  /** Parameters of the search that change when the form is left, beside the path. */
  parameters?: readonly string[]
}

/** Asks before unsaved changes are lost. */
export function Leaving({ isDirty, parameters = [] }: LeavingProps) {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      isDirty &&
      (current.pathname !== next.pathname ||
        parameters.some((name) => valueIn(current.search, name) !== valueIn(next.search, name))),
    enableBeforeUnload: () => isDirty,
    withResolver: true,
  })
  if (status !== 'blocked') return null
  return (
    <Dialog title="Discard unsaved changes?" close={reset}>
      <Text size="sm">Your changes are lost when you leave this page.</Text>
      <DialogButtons close={reset} keep="Keep editing" isKeepFirst>
        <Button color="red" onClick={proceed}>
          Discard changes
        </Button>
      </DialogButtons>
    </Dialog>
  )
}

const valueIn = (search: object, name: string) => (search as Record<string, unknown>)[name]
