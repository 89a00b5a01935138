// What a package.json says for this workspace alone is not published: the condition that leads tests to the sources, which
// are not in the tarball, and what is needed to work on the package.
export const hooks = {
  beforePacking({ devDependencies: _tools, scripts: _scripts, ...manifest }) {
    return { ...manifest, exports: withoutSources(manifest.exports) }
  },
}

function withoutSources(exports) {
  if (typeof exports !== 'object' || exports === null) return exports
  const published = Object.entries(exports).filter(([condition]) => condition !== '@flyroute/source')
  return Object.fromEntries(published.map(([condition, target]) => [condition, withoutSources(target)]))
}
