import './identity.css'
import { Icon, type IconName } from '../controls/icon.tsx'
import { escaped } from './escapes.ts'

const hues = 8

/** The hue of a name, 0 to 7. Contract: the same for the same name, in every browser. */
export function hueOf(name: string): number {
  let hash = 2_166_136_261
  for (const unit of name) hash = Math.imul(hash ^ unit.codePointAt(0)!, 16_777_619)
  return (hash >>> 0) % hues
}

const initialOf = (name: string) => ([...name.trim()][0] ?? '?').toUpperCase()

type MarkProps = {
  name: string
  /** Shown instead of the first letter. */
  icon?: IconName
}

/** The sign of an agent, a model, a provider or a tool: its color and its letter or icon. */
export const Mark = ({ name, icon }: MarkProps) => (
  <span className="identity" data-hue={hueOf(name)} aria-hidden="true">
    {icon ? <Icon name={icon} size={12} /> : <i data-letter={initialOf(name)} />}
  </span>
)

/** A sign and its name in one line. */
export const Named = ({ name, icon }: MarkProps) => (
  <span className="named">
    <Mark name={name} {...(icon && { icon })} />
    <span>{escaped(name)}</span>
  </span>
)
