// SPDX-License-Identifier: MIT

// The Go SDK as a subject of tests/interop/run, which has the protocol.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/nacos-group/nacos-sdk-go/clients"
	"github.com/nacos-group/nacos-sdk-go/common/constant"
	"github.com/nacos-group/nacos-sdk-go/model"
	"github.com/nacos-group/nacos-sdk-go/vo"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func join(addresses []string) string {
	sort.Strings(addresses)
	return strings.Join(addresses, ",")
}

func onChange(hosts []model.SubscribeService, err error) {
	addresses := []string{}
	for _, host := range hosts {
		addresses = append(addresses, fmt.Sprintf("%s:%d", host.Ip, host.Port))
	}
	fmt.Println("event " + join(addresses))
}

func main() {
	host, port, err := net.SplitHostPort(os.Args[1])
	check(err)
	number, err := strconv.ParseUint(port, 10, 16)
	check(err)
	service := os.Args[2]
	config := constant.ClientConfig{CacheDir: "cache", LogDir: "log", NotLoadCacheAtStart: true, LogLevel: "warn"}
	if len(os.Args) > 3 {
		config.Username, config.Password = os.Args[3], os.Args[4]
	}
	client, err := clients.NewNamingClient(vo.NacosClientParam{
		ClientConfig:  &config,
		ServerConfigs: []constant.ServerConfig{*constant.NewServerConfig(host, number)},
	})
	check(err)
	_, err = client.RegisterInstance(vo.RegisterInstanceParam{
		Ip: "10.1.0.1", Port: 8080, Weight: 2, Enable: true, Healthy: true, Ephemeral: true,
		ServiceName: service, Metadata: map[string]string{"lang": "go"},
	})
	check(err)
	check(client.Subscribe(&vo.SubscribeParam{ServiceName: service, SubscribeCallback: onChange}))
	fmt.Println("registered")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "list":
			hosts, err := client.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: service})
			check(err)
			addresses := []string{}
			for _, found := range hosts {
				addresses = append(addresses, fmt.Sprintf("%s:%d", found.Ip, found.Port))
			}
			fmt.Println("hosts " + join(addresses))
		case "deregister":
			_, err := client.DeregisterInstance(vo.DeregisterInstanceParam{
				Ip: "10.1.0.1", Port: 8080, ServiceName: service, Ephemeral: true,
			})
			check(err)
			fmt.Println("deregistered")
		case "exit":
			os.Exit(0)
		}
	}
}
