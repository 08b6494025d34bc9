import { type ReactNode, useId } from 'react'
import { useKept } from '../../parts/kept.tsx'

type ViewsProps = { name: string; views: readonly View[]; actions?: ReactNode }

type View = { name: string; count?: number | undefined; content: () => ReactNode }

/** Views of a step, one at a time. `name` identifies the kind of step, whose choice is kept. */
export function Views({ name, views, actions }: ViewsProps) {
  const [chosen, choose] = useKept(`views of ${name}`, views[0]?.name)
  const id = useId()
  const shown = views.find((view) => view.name === chosen) ?? views[0]
  return (
    <>
      <div className="inspector-bar">
        <div className="tabs" role="tablist" aria-label="Views of the step">
          {views.map((view) => (
            <button
              key={view.name}
              type="button"
              role="tab"
              aria-selected={view === shown}
              aria-controls={id}
              onClick={() => choose(view.name)}
            >
              {view.name}
              {view.count !== undefined && <span className="tab-count">{view.count}</span>}
            </button>
          ))}
        </div>
        {actions}
      </div>
      <div
        id={id}
        key={shown?.name}
        className="inspector-view"
        role="tabpanel"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must scroll it
        tabIndex={0}
        aria-label={shown?.name}
      >
        {shown?.content()}
      </div>
    </>
  )
}
