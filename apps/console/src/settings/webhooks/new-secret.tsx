import { Once } from '../../shell/controls/once.tsx'

/** The secret of a new or rotated webhook. */
export const NewSecret = (props: { url: string; secret: string; close: () => void }) => (
  <Once
    title={`Secret of ${props.url}`}
    about="Copy this secret now. It is not shown again."
    secret={props.secret}
    close={props.close}
  />
)
