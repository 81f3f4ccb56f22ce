// SPDX-License-Identifier: MIT
import com.alibaba.nacos.api.naming.NamingFactory;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.NamingEvent;
import com.alibaba.nacos.api.naming.pojo.Instance;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;

/** The Java SDK as a subject of tests/interop/run, which has the protocol. */
public class Interop {
    static void say(String text) {
        System.out.println(text);
        System.out.flush();
    }

    static String addresses(List<Instance> hosts) {
        return hosts.stream().map(host -> host.getIp() + ":" + host.getPort()).sorted()
            .collect(Collectors.joining(","));
    }

    public static void main(String[] arguments) throws Exception {
        String service = arguments[1];
        Properties properties = new Properties();
        properties.setProperty("serverAddr", arguments[0]);
        if (arguments.length > 2) {
            properties.setProperty("username", arguments[2]);
            properties.setProperty("password", arguments[3]);
        }
        NamingService naming = NamingFactory.createNamingService(properties);
        Instance instance = new Instance();
        instance.setIp("10.1.0.1");
        instance.setPort(8080);
        instance.setWeight(2);
        instance.setMetadata(Collections.singletonMap("lang", "java"));
        naming.registerInstance(service, instance);
        naming.subscribe(service, event -> say("event " + addresses(((NamingEvent) event).getInstances())));
        say("registered");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null && !line.equals("exit");) {
            if (line.equals("list")) {
                say("hosts " + addresses(naming.getAllInstances(service, false)));
            } else if (line.equals("deregister")) {
                naming.deregisterInstance(service, "10.1.0.1", 8080);
                say("deregistered");
            }
        }
        naming.shutDown();
        System.exit(0);
    }
}
