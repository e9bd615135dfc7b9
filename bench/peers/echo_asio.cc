/* SPDX-License-Identifier: MIT */
/* echo_asio.cc - an echo server on asio, as its examples write one: a session that owns itself,
 * with a buffer of 16 KiB, reads some, writes all of it, and reads again. Built twice: on epoll,
 * and with ASIO_HAS_IO_URING and ASIO_DISABLE_EPOLL on io_uring. */
#include <asio.hpp>
#include <memory>

#include "peer.h"

namespace
{
using asio::ip::tcp;

class session : public std::enable_shared_from_this<session>
{
  public:
    explicit session(tcp::socket socket) : socket_(std::move(socket))
    {
        socket_.set_option(tcp::no_delay(true));
    }

    void read()
    {
        auto self = shared_from_this();
        socket_.async_read_some(asio::buffer(data_),
                                [this, self](const asio::error_code &error, std::size_t length) {
                                    if (!error)
                                        write(length);
                                });
    }

  private:
    void write(std::size_t length)
    {
        auto self = shared_from_this();
        asio::async_write(socket_, asio::buffer(data_, length),
                          [this, self](const asio::error_code &error, std::size_t) {
                              if (!error)
                                  read();
                          });
    }

    tcp::socket socket_;
    char        data_[16384];
};

void accept(tcp::acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](const asio::error_code &error, tcp::socket socket) {
        if (!error)
            std::make_shared<session>(std::move(socket))->read();
        accept(acceptor);
    });
}
} // namespace

int main(int argc, char **argv)
{
    const sockaddr_in address = peer_address(argc, argv);
    asio::io_context  context(1); // one thread will run it
    tcp::acceptor     acceptor(
            context, tcp::endpoint(asio::ip::address_v4::loopback(), ntohs(address.sin_port)));
    peer_listening(acceptor.native_handle());
    accept(acceptor);
    context.run();
}
