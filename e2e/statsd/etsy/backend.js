// A backend of StatsD that prints, at each flush, what came since the last one, for the test to read.
exports.init = (startup, config, events) => {
  events.on('flush', (timestamp, metrics) => {
    const { counters, gauges, timers } = metrics;
    console.log(JSON.stringify({ counters, gauges, timers }));
  });
  return true;
};
