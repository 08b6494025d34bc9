import './manage.css'
import { Button, CopyButton, Text } from '@mantine/core'
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
  return (
    <Dialog title={title} close={close} closeOnClickOutside={false}>
      <Text size="sm" mb="sm">
        {about}
      </Text>
      <code className="secret">{secret}</code>
      <DialogButtons close={close} keep="Done">
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button onClick={copy} data-autofocus>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </DialogButtons>
    </Dialog>
  )
}
