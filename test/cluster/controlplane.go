/*
Copyright 2026 The Knative Lambda Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	etcdURL     = "https://127.0.0.1:2379"
	etcdPeerURL = "https://127.0.0.1:2380"
)

// inNamespace is how to run a program in the cluster's network namespace. Not by `ip netns exec`: that one mounts a
// fresh /sys, without the control groups.
func inNamespace(argv ...string) []string {
	return append([]string{"nsenter", "--net=" + namespaceFile}, argv...)
}

func (c *cluster) startControlPlane(ctx context.Context) (*client, error) {
	if err := c.start(ctx, c.etcd()); err != nil {
		return nil, err
	}
	k, err := c.client()
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, c.apiServer(k)); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, d := range []daemon{c.controllerManager(), c.scheduler()} {
		group.Go(func() error { return c.start(ctx, d) })
	}
	return k, group.Wait()
}

func (c *cluster) etcd() daemon {
	certificate, key, ca := c.path("pki", "etcd.crt"), c.path("pki", "etcd.key"), c.path("pki", "ca.crt")
	return daemon{name: "etcd", argv: inNamespace(
		c.path("bin", "etcd"),
		"--name="+name,
		"--data-dir="+c.path("etcd"),
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--cert-file="+certificate, "--key-file="+key, "--trusted-ca-file="+ca, "--client-cert-auth",
		"--listen-peer-urls="+etcdPeerURL, "--initial-advertise-peer-urls="+etcdPeerURL,
		"--initial-cluster="+name+"="+etcdPeerURL,
		"--peer-cert-file="+certificate, "--peer-key-file="+key, "--peer-trusted-ca-file="+ca, "--peer-client-cert-auth",
		"--unsafe-no-fsync", // nothing in it is to outlive the machine
	)}
}

func (c *cluster) apiServer(k *client) daemon {
	return daemon{name: "kube-apiserver", ready: k.ready, argv: inNamespace(
		c.path("bin", "kube-apiserver"),
		"--bind-address="+nodeIP, "--advertise-address="+nodeIP, "--secure-port=6443",
		"--tls-cert-file="+c.path("pki", "kube-apiserver.crt"),
		"--tls-private-key-file="+c.path("pki", "kube-apiserver.key"),
		"--client-ca-file="+c.path("pki", "ca.crt"),
		"--anonymous-auth=false",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", // pods may ask for it; pod security standards say where
		"--etcd-servers="+etcdURL,
		"--etcd-cafile="+c.path("pki", "ca.crt"),
		"--etcd-certfile="+c.path("pki", "kube-apiserver-etcd.crt"),
		"--etcd-keyfile="+c.path("pki", "kube-apiserver-etcd.key"),
		"--service-cluster-ip-range="+serviceCIDR,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+c.path("pki", "token.pub"),
		"--service-account-signing-key-file="+c.path("pki", "token.key"),
		"--kubelet-certificate-authority="+c.path("pki", "ca.crt"),
		"--kubelet-client-certificate="+c.path("pki", "kube-apiserver-kubelet.crt"),
		"--kubelet-client-key="+c.path("pki", "kube-apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP", // the node's name is in no DNS
		"--audit-policy-file="+c.path("config", "audit-policy.yaml"),
		"--audit-log-path="+c.path("audit.log"),
		"--profiling=false",
	)}
}

func (c *cluster) controllerManager() daemon {
	kubeconfig := c.path("pki", "kube-controller-manager.kubeconfig")
	return daemon{name: "kube-controller-manager", argv: inNamespace(
		c.path("bin", "kube-controller-manager"),
		"--bind-address=127.0.0.1",
		"--kubeconfig="+kubeconfig,
		"--authentication-skip-lookup", // of an aggregation layer, which is not set up
		"--use-service-account-credentials",
		"--service-account-private-key-file="+c.path("pki", "token.key"),
		"--root-ca-file="+c.path("pki", "ca.crt"),
		"--leader-elect=false",
	)}
}

func (c *cluster) scheduler() daemon {
	kubeconfig := c.path("pki", "kube-scheduler.kubeconfig")
	return daemon{name: "kube-scheduler", argv: inNamespace(
		c.path("bin", "kube-scheduler"),
		"--bind-address=127.0.0.1",
		"--kubeconfig="+kubeconfig,
		"--authentication-skip-lookup", // of an aggregation layer, which is not set up
		"--leader-elect=false",
	)}
}

// resolver answers at the host's end of the link, and asks whom the machine asks: that may well be a resolver on the
// machine's loopback, which the cluster cannot reach by itself.
func (c *cluster) resolver() daemon {
	return daemon{
		name: "resolver", argv: []string{c.path("bin", "coredns"), "-conf", c.path("config", "Corefile")},
		ready: listening("tcp", hostIP+":53"),
	}
}

func (c *cluster) registry() daemon {
	return daemon{
		name: "registry", ready: listening("tcp", registryAddress),
		argv: inNamespace(c.path("bin", "registry"), "-listen="+registryAddress,
			"-cached="+c.imageFolder()+"/blobs", "-pushed="+c.path("registry")),
	}
}

// containerd runs in a mount namespace of its own, and kubelet joins it there. What they and the pods mount, and what
// they leave in /run, is not seen by the machine, and is gone when the last of their processes is.
func (c *cluster) containerd() daemon {
	const script = `
mount -t tmpfs tmpfs /run
mount --bind "$1/node/log" /var/log
mount --bind "$1/node/cni" /var/lib/cni
mount --bind "$1/node/kubelet" /var/lib/kubelet
exec containerd --config "$1/config/containerd.toml"`
	return daemon{
		name: "containerd", ready: listening("unix", c.path("containerd.sock")),
		argv: inNamespace("unshare", "--mount", "--propagation=private", "sh", "-ec", script, "sh", c.state),
	}
}

func (c *cluster) kubelet() (daemon, error) {
	running, err := c.processes()
	if err != nil {
		return daemon{}, err
	}
	i := slices.IndexFunc(running, func(p process) bool { return p.component == "containerd" })
	if i < 0 {
		return daemon{}, errors.New("failed to find containerd")
	}
	return daemon{name: "kubelet", argv: inNamespace(
		fmt.Sprintf("--mount=/proc/%d/ns/mnt", running[i].pid),
		c.path("bin", "kubelet"),
		"--config="+c.path("config", "kubelet.yaml"),
		"--kubeconfig="+c.path("pki", "kubelet.kubeconfig"),
		"--hostname-override="+name,
		"--node-ip="+nodeIP,
	)}, nil
}

// kubeProxy may not set conntrack's limits from within a network namespace: zeros leave them alone.
func (c *cluster) kubeProxy() daemon {
	return daemon{name: "kube-proxy", argv: inNamespace(
		c.path("bin", "kube-proxy"),
		"--kubeconfig="+c.path("pki", "kube-proxy.kubeconfig"),
		"--hostname-override="+name,
		"--proxy-mode=nftables",
		"--cluster-cidr="+podCIDR,
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
	)}
}

// listening is the readiness of what has no better one.
func listening(network, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		dialer := net.Dialer{Timeout: time.Second}
		connection, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return connection.Close()
	}
}
