import './skeleton.css'

const widths = { rows: [72, 46, 60, 38, 66, 52, 42, 58], text: [64, 92, 88, 40, 84, 90, 56] }

/** Placeholder of a list or a text that is loading. Appears after 150 ms. */
export const Skeleton = ({ of = 'rows' }: { of?: keyof typeof widths }) => (
  <div className="skeleton" data-of={of} role="status" aria-label="Loading">
    {widths[of].map((width) => (
      <div key={width} aria-hidden="true">
        <i />
        <span style={{ width: `${width}%` }} />
      </div>
    ))}
  </div>
)

/** Placeholder of a screen that is loading. */
export const ScreenSkeleton = () => (
  <div className="screen">
    <div className="bar" />
    <Skeleton />
  </div>
)
