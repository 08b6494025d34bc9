import './manage.css'
import { Button, Text } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useCopy } from './copy.ts'
import { Dialog, DialogButtons } from './dialog.tsx'

/** A secret that is shown only once. */
export function Once({
  title,
  about,
  secret,
  close,
}: {
  title: string
  about: string
  secret: string
  close: () => void
}) {
  const shown = useRef<HTMLElement>(null)
  const { copy, error, words } = useCopy('Copy')
  useEffect(() => {
    if (error) getSelection()?.selectAllChildren(shown.current!)
  }, [error])
  return (
    <Dialog title={title} close={close} closeOnClickOutside={false}>
      <Text size="sm" mb="sm">
        {about}
      </Text>
      <code ref={shown} className="secret">
        {secret}
      </code>
      <DialogButtons close={close} keep="Done">
        <Button onClick={() => copy(secret)} data-autofocus>
          {words}
        </Button>
      </DialogButtons>
    </Dialog>
  )
}
