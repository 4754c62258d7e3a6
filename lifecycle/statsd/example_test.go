package statsd_test

import (
	"context"
	"fmt"
	"net"

	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// What an application counts itself, beside what a [statsd.Collector] counts of its server.
func Example() {
	agent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer agent.Close()
	client, err := statsd.New(statsd.Options{
		Addr: agent.LocalAddr().String(), Dialect: statsd.DogStatsD, Prefix: "shop", Tags: statsd.ParseTags("env:prod"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Increment("orders", 1, statsd.Tag{Key: "country", Value: "fr"})
	if err := client.Close(context.Background()); err != nil { // sends what waits
		fmt.Println(err)
	}
	packet := make([]byte, 1500)
	n, _, err := agent.ReadFrom(packet)
	fmt.Println(string(packet[:n]), err)
	// Output:
	// shop.orders:1|c|#env:prod,country:fr <nil>
}
