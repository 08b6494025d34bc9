import { common, createLowlight } from 'lowlight'
import type { ReactNode } from 'react'

const lowlight = createLowlight(common)

type Node = ReturnType<typeof lowlight.highlight>['children'][number]

/** Returns highlighted code as elements. Undefined for an unknown language. */
export function highlight(text: string, language: string): ReactNode {
  if (!lowlight.registered(language)) return undefined
  return lowlight.highlight(language, text).children.map(shown)
}

function shown(node: Node, at: number): ReactNode {
  if (node.type === 'text') return node.value
  if (node.type !== 'element') return null
  const classes = node.properties.className
  return (
    <span key={at} className={Array.isArray(classes) ? classes.join(' ') : undefined}>
      {node.children.map(shown)}
    </span>
  )
}
