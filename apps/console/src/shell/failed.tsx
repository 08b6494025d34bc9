import { Modal } from '@mantine/core'
import { Refusal } from './confirm.tsx'

type Done = { error: unknown; reset: () => void }

/** Says why the last of some mutations failed, where its button has no room for it. */
export function Failed({ of }: { of: readonly Done[] }) {
  const error = of.find((one) => one.error)?.error
  if (!error) return null
  const close = () => {
    for (const { reset } of of) reset()
  }
  return (
    <Modal opened onClose={close} title="That did not work" centered>
      <Refusal error={error} />
    </Modal>
  )
}
