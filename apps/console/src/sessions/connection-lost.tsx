/** Says that the stream of a session is interrupted. */
export const ConnectionLost = () => (
  <div className="offline" role="status">
    Connection lost. Reconnecting…
  </div>
)
