package statistics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// Jobs that are counted by hand: the second is tried twice. A server's requests are counted by [statistics.Statistics.Collector].
func Example() {
	stats := statistics.New(statistics.Options{Logger: slog.New(slog.DiscardHandler)})
	err := stats.Run(context.Background(), func(context.Context) error {
		return errors.Join(
			stats.RequestStart("first"), stats.RequestFinish("first"),
			stats.RequestStart("second"), stats.RequestStart("second"), stats.RequestFail("second"),
		)
	})
	f := stats.Calculate()
	fmt.Println(f.RequestsFinished, "finished,", f.RequestsFailed, "failed,", f.RequestsRetries, "tried again, histogram", f.RetryHistogram, err)
	// Output:
	// 1 finished, 1 failed, 1 tried again, histogram [1 1] <nil>
}
