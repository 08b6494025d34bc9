import './manage.css'
import { Button, CopyButton, Modal, Text } from '@mantine/core'

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
    <Modal opened onClose={close} title={title} centered closeOnClickOutside={false}>
      <Text size="sm" mb="sm">
        {about}
      </Text>
      <code className="secret">{secret}</code>
      <CopyButton value={secret}>
        {({ copied, copy }) => (
          <Button mt="md" onClick={copy} data-autofocus>
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </Modal>
  )
}
